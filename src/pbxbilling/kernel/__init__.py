"""Words and shapes that every subject shares: codes, money, periods, facts, records, errors."""
