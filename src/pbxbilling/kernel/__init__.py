"""What every subject shares: codes, money, periods, numbers, facts, records, ports and errors."""
