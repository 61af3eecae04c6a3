// Prometheus built as a tool of this module: its own replace line does not count when somebody else builds it.
module natschat/tools/prometheus

go 1.26.0

replace cloud.google.com/go => cloud.google.com/go v0.123.0
