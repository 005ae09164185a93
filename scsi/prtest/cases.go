package prtest

import "slices"

// cases are all tables of the suite.
func cases() []*testCase {
	return slices.Concat(
		registerCases(), specifyCases(), allPortsCases(), unregisterCases(),
		reserveCases(), releaseCases(), clearCases(),
		preemptCases(), preemptSharedCases(), moveCases(),
		inCases(), fieldCases(), attentionCases(),
		accessCases(), legacyCases(), eventCases(),
	)
}

// shared reports whether a type gives registrants the holder's rights, so
// that they hear of its release. SPC-4 5.13.11.2.2.
func shared(n namedType) bool { return n.typ.RegistrantsOnly() || n.typ.AllRegistrants() }

// star is the holder's mark in a table, none for the all-registrants types.
func star(n namedType) string {
	if n.typ.AllRegistrants() {
		return ""
	}
	return "*"
}
