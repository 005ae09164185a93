package hung

import "fmt"

// Roles lists the machines.
func Roles() []string { return []string{Target, Jack3, Jack4} }

// MAC is the hardware address of a machine's network card. The target has one for each
// node, in the order of Roles; a node has only card 0.
func MAC(role string, card int) string {
	machine := 0
	for i, r := range Roles() {
		if r == role {
			machine = i
		}
	}
	return fmt.Sprintf("52:54:00:00:%02x:%02x", machine, card)
}
