package cluster

// Nearest is the name that somebody may have meant who has written another; empty if none
// is near.
func Nearest(name string, names []string) string {
	return nearestWithin(min(2, len(name)/3), name, names)
}

func nearestWithin(letters int, name string, names []string) string {
	best, at := "", letters+1
	for _, n := range names {
		if d := distance(name, n); d < at {
			best, at = n, d
		}
	}
	return best
}

// distance is how many letters one has to put in, take out, exchange or swap to
// come from one name to the other.
func distance(a, b string) int {
	const far = 9
	if len(a)-len(b) > far || len(b)-len(a) > far || len(a) > maxName*2 {
		return far
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
