package main

import (
	"fmt"
	"slices"
	"strconv"
)

// sample is one quantity measured several times.
type sample struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Runs   int     `json:"runs"`
}

// summarize takes at least one value.
func summarize(values []float64) sample {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return sample{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Low: sorted[0], High: sorted[n-1], Runs: n}
}

// ratios divides what was measured in the same round.
func ratios(above, below []float64) []float64 {
	var list []float64
	for i := range min(len(above), len(below)) {
		list = append(list, above[i]/below[i])
	}
	return list
}

// text is the median and, behind it, the spread, each times scale.
func (s sample) text(scale float64) string {
	if s.Runs == 0 {
		return "–"
	}
	if s.Runs == 1 {
		return digits(s.Median * scale)
	}
	return fmt.Sprintf("%s (%s–%s)", digits(s.Median*scale), digits(s.Low*scale), digits(s.High*scale))
}

// digits writes a number with as many digits as it means: three.
func digits(v float64) string {
	switch {
	case v >= 99.5:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 9.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 0.0995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}
