package words

import (
	"strings"

	"lunguard/protocol"
)

// protectedWords says who would lose his protection by a clean-up, and what leaves it to
// him.
func protectedWords(e *protocol.ProtectedError) Message {
	names := make([]string, len(e.Nodes))
	for i, n := range e.Nodes {
		names[i] = n.Name
	}
	m := Message{Subject: e.LUN, What: "clearing it would take the protection from " + strings.Join(names, ", "), Status: ExitFailed}
	if e.Holder.Name != "" {
		m.What += "; " + e.Holder.Name + " holds the reservation"
	}
	switch strangers := Keys(e.Foreign); {
	case strangers == "":
		m.Hint = "halt the package, or fence its node if that failed"
	case e.Holder.Name == "":
		m.Hint = "halt the package, and find out who registers " + strangers
	case len(e.Foreign) == 1:
		m.Hint = "pr_fence --key " + strangers + ", where the package is up, removes that alone"
	default:
		m.Hint = "pr_fence --key KEY, where the package is up, removes one alone of " + strangers
	}
	m.Hint = "nothing was changed; " + m.Hint + "; --force if nothing runs"
	return m
}

// otherKeysWords says which keys are there in the place of the one that was asked for.
func otherKeysWords(e *protocol.OtherKeysError) Message {
	m := Message{Subject: e.LUN, What: "left alone, the key " + e.Key.String() + " is not registered there", Status: ExitFailed}
	if len(e.There) == 0 {
		m.Hint = "no key is: there is nothing to clear"
		return m
	}
	there := make([]string, len(e.There))
	for i, k := range e.There {
		there[i] = k.String()
		if n, ok := e.Members.Of(k); ok {
			there[i] += " (" + n.Name + Mark(k) + ")"
		}
	}
	m.Hint = "nothing was changed on it; the keys there are " + strings.Join(there, ", ")
	return m
}
