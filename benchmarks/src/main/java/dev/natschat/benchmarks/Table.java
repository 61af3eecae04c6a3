package dev.natschat.benchmarks;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A Markdown table of what was measured: a row is measured once in every round, and shows the
 * median, and the lowest and highest where there were several.
 */
final class Table {
  private final String title;
  private final List<String> columns;
  private final Map<String, List<double[]>> rounds = new LinkedHashMap<>();

  Table(String title, String... columns) {
    this.title = title;
    this.columns = List.of(columns);
  }

  /**
   * One round's numbers, one for each column; {@code NaN} leaves its place empty.
   *
   * @return the numbers
   */
  double[] add(String row, double... numbers) {
    if (numbers.length != columns.size()) {
      throw new IllegalArgumentException(columns.size() + " columns, " + numbers.length);
    }
    rounds.computeIfAbsent(row, name -> new ArrayList<>()).add(numbers);
    return numbers;
  }

  String markdown() {
    StringBuilder text = new StringBuilder("\n### " + title + "\n\n| | ");
    text.append(String.join(" | ", columns))
        .append(" |\n|---")
        .append("|---:".repeat(columns.size()));
    rounds.forEach(
        (row, measured) -> {
          text.append("|\n| ").append(row);
          for (int column = 0; column < columns.size(); column++) {
            text.append(" | ").append(cell(measured, column));
          }
          text.append(' ');
        });
    return text.append("|").toString();
  }

  private static String cell(List<double[]> measured, int column) {
    double[] sorted = measured.stream().mapToDouble(numbers -> numbers[column]).sorted().toArray();
    double median = (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    double lowest = sorted[0];
    double highest = sorted[sorted.length - 1];
    if (Double.isNaN(median)) {
      return "";
    }
    String range = number(lowest) + " - " + number(highest);
    return lowest == highest ? number(median) : number(median) + " (" + range + ")";
  }

  private static String number(double value) {
    String format =
        value >= 100 || value == Math.rint(value) ? "%,.0f" : value >= 10 ? "%.1f" : "%.2f";
    return String.format(Locale.ROOT, format, value);
  }
}
