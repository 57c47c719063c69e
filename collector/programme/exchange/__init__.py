"""Tables that go out to spreadsheets and come back, CSV and XLSX: a round trip changes nothing."""
