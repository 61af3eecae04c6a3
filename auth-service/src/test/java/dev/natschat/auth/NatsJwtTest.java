package dev.natschat.auth;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.natschat.auth.NatsJwt.SigningKey;
import java.util.Arrays;
import java.util.Base64;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NatsJwtTest {
  private static final SigningKey SERVER = key(Nkey.SERVER, 1);
  private static final String XKEY = "XAD2G7F4CQQJHSFXKXOBWEHINS2CMN2K2FVKQU7NBPP4BMVYNUOHZWPX";

  /** Encoded by github.com/nats-io/jwt/v2 2.8.2. */
  private static final String REQUEST =
      "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ."
          + "eyJhdWQiOiJuYXRzLWF1dGhvcml6YXRpb24tcmVxdWVzdCIsImp0aSI6IjU3VkJIRFBLS09PRUpRNktKWU5TM1ZQNlk3"
          + "WEdORU5DWkVSRVI1NUtRSDcyS0NKMllQUlEiLCJpYXQiOjE3OTUzODQ4NjEsImlzcyI6Ik5CNDNLVlJPUjdURko2S0FQ"
          + "Q1lSRjJGSlJPVFpBSDRGSExUSkxQV1g0RFJaQ0M1TkFTTEdKWVpQIiwic3ViIjoiQVVUSEFDQyIsIm5hdHMiOnsic2Vy"
          + "dmVyX2lkIjp7Im5hbWUiOiJuIiwiaG9zdCI6ImgiLCJpZCI6Ik5CNDNLVlJPUjdURko2S0FQQ1lSRjJGSlJPVFpBSDRG"
          + "SExUSkxQV1g0RFJaQ0M1TkFTTEdKWVpQIiwieGtleSI6IlhBRDJHN0Y0Q1FRSkhTRlhLWE9CV0VISU5TMkNNTjJLMkZW"
          + "S1FVN05CUFA0Qk1WWU5VT0haV1BYIn0sInVzZXJfbmtleSI6IlVBQkMiLCJjbGllbnRfaW5mbyI6eyJob3N0IjoiMTky"
          + "LjAuMi43IiwiaWQiOjksImtpbmQiOiJDbGllbnQiLCJ0eXBlIjoid2Vic29ja2V0In0sImNvbm5lY3Rfb3B0cyI6eyJh"
          + "dXRoX3Rva2VuIjoidGhlLXRva2VuIiwicHJvdG9jb2wiOjF9LCJ0eXBlIjoiYXV0aG9yaXphdGlvbl9yZXF1ZXN0Iiwi"
          + "dmVyc2lvbiI6Mn19."
          + "ZBhttLCHmZX0tVDwvlBBezvey6o4j50nf_qxByvDAxIoBdR7jQ5YMs5jBzHA5AaGkUsMW7UH-HrgpMNhIHy8Cw";

  private static SigningKey key(Nkey kind, int first) {
    byte[] seed = new byte[32];
    for (int i = 0; i < seed.length; i++) {
      seed[i] = (byte) (first + i);
    }
    return new SigningKey(kind, seed);
  }

  @Test
  void requestsOfTheBrokerAreRead() {
    AuthRequest request = AuthRequest.from(REQUEST, XKEY);

    assertThat(request)
        .isEqualTo(
            new AuthRequest(
                SERVER.name(),
                XKEY,
                "UABC",
                Long.MAX_VALUE - 1795384861,
                "the-token",
                "Client",
                "websocket",
                "192.0.2.7"));
    assertThat(request.isChatClient()).isTrue();
    assertThat(request.toString()).doesNotContain("the-token");
  }

  @Test
  void theBrokersPatienceIsToldByItsOwnClock() {
    ObjectNode claims =
        NatsJwt.JSON
            .createObjectNode()
            .put("aud", AuthRequest.AUDIENCE)
            .put("iat", 1000)
            .put("exp", 1005);
    claims.putObject("nats").putObject("server_id").put("id", SERVER.name()).put("xkey", XKEY);

    assertThat(AuthRequest.from(NatsJwt.sign(claims, SERVER), XKEY).patience()).isEqualTo(5);
  }

  @Test
  void aRequestSealedWithAnotherKeyThanItNamesIsRefused() {
    assertThatThrownBy(() -> AuthRequest.from(REQUEST, XKEY.replace('A', 'B')))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void leafNodesAndMqttAreNoChatClients() {
    assertThat(new AuthRequest("N", "X", "U", 2, "t", "Leafnode", "nats", "h").isChatClient())
        .isFalse();
    assertThat(new AuthRequest("N", "X", "U", 2, "t", "Client", "mqtt", "h").isChatClient())
        .isFalse();
    assertThat(new AuthRequest("N", "X", "U", 2, "t", "Client", "nats", "h").isChatClient())
        .isTrue();
  }

  @Test
  void signedClaimsComeBack() {
    ObjectNode claims = NatsJwt.JSON.createObjectNode().put("sub", "UABC");

    JsonNode read = NatsJwt.verify(NatsJwt.sign(claims, SERVER), Nkey.SERVER);

    assertThat(read.path("sub").asText()).isEqualTo("UABC");
    assertThat(read.path("iss").asText()).isEqualTo(SERVER.name());
  }

  @Test
  void issuersOfAnotherKindAreRefused() {
    String jwt = NatsJwt.sign(NatsJwt.JSON.createObjectNode(), key(Nkey.ACCOUNT, 1));

    assertThatThrownBy(() -> NatsJwt.verify(jwt, Nkey.SERVER))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void everyFlippedBitIsFound() {
    byte[] jwt = REQUEST.getBytes(UTF_8);
    int signed = REQUEST.lastIndexOf('.');
    for (int bit = 0; bit < 8 * signed; bit += 7) {
      byte[] flipped = jwt.clone();
      flipped[bit / 8] ^= (byte) (1 << bit % 8);
      assertRefused(new String(flipped, java.nio.charset.StandardCharsets.ISO_8859_1));
    }
  }

  @Test
  void algorithmNoneIsRefused() {
    String header =
        Base64.getUrlEncoder()
            .withoutPadding()
            .encodeToString("{\"typ\":\"JWT\",\"alg\":\"none\"}".getBytes(UTF_8));

    assertRefused(header + REQUEST.substring(REQUEST.indexOf('.')));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", ".", "..", "a.b.c", "....", "e30.e30.e30", "W10.W10.", "bnVsbA.bnVsbA."})
  void rubbishIsRefused(String text) {
    assertRefused(text);
  }

  @Test
  void deepNestingIsRefused() {
    char[] deep = new char[100_000];
    Arrays.fill(deep, '[');
    String part =
        Base64.getUrlEncoder().withoutPadding().encodeToString(new String(deep).getBytes(UTF_8));

    assertRefused(part + "." + part + "." + part);
  }

  private static void assertRefused(String jwt) {
    assertThatThrownBy(() -> AuthRequest.from(jwt, XKEY))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
