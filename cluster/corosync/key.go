package corosync

import (
	"fmt"
	"strconv"

	"lunguard/pr"
)

// Derivation is how a node's key is made.
type Derivation string

// Derivations. The first two are those of fence_scsi, to the digit.
const (
	// ByPosition is four digits of the cluster's name and the node's position in
	// the file: it changes when a node before it is taken out.
	ByPosition Derivation = "id"
	// ByName is four digits of the cluster's name and four of the node's.
	ByName Derivation = "hash"
	// ByNodeID is six digits of the cluster's name and the nodeid. It is longer
	// than any key of fence_scsi's.
	ByNodeID Derivation = "nodeid"
)

// Derivations are all of them.
func Derivations() []Derivation { return []Derivation{ByPosition, ByName, ByNodeID} }

// nodeIDPrefix is the highest byte of a key by nodeid. Its two highest bits are
// those that mark a node which leaves or removes others, and so are 0.
const nodeIDPrefix = 0x0c

// Key is the key of the node at a position.
func (c *Config) Key(d Derivation, position int) (pr.Key, error) {
	tag := digits(c.Name)
	text := ""
	switch d {
	case ByPosition:
		// Decimal digits, read as hexadecimal ones.
		text = tag[:4] + fmt.Sprintf("%04d", position)
	case ByName:
		text = tag[:4] + digits(c.Nodes[position].Name)[:4]
	case ByNodeID:
		text = fmt.Sprintf("%02x%s%08x", nodeIDPrefix, tag[:6], c.Nodes[position].ID)
	default:
		return 0, &DerivationError{d}
	}
	k, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		return 0, err
	}
	if k == 0 {
		return 0, &ZeroKeyError{Node: c.Nodes[position].Name, Derivation: d}
	}
	return pr.Key(k), nil
}

// Keys are the keys of all nodes, in their order, each of them another one. Errors:
// *DerivationError, *ZeroKeyError, *SameKeyError.
func (c *Config) Keys(d Derivation) ([]pr.Key, error) {
	keys := make([]pr.Key, len(c.Nodes))
	seen := map[pr.Key]string{}
	for i, n := range c.Nodes {
		k, err := c.Key(d, i)
		if err != nil {
			return nil, err
		}
		if other, ok := seen[k]; ok {
			return nil, &SameKeyError{Nodes: [2]string{other, n.Name}, Key: k, Derivation: d}
		}
		seen[k], keys[i] = n.Name, k
	}
	return keys, nil
}

// Recognise tells whose key it would be by another derivation than the one in use.
func (c *Config) Recognise(k pr.Key, inUse Derivation) (node string, d Derivation, ok bool) {
	for _, d := range Derivations() {
		for i, n := range c.Nodes {
			if key, err := c.Key(d, i); err == nil && key == k && d != inUse {
				return n.Name, d, true
			}
		}
	}
	return "", "", false
}

// DerivationError says that a derivation is not known.
type DerivationError struct{ Derivation Derivation }

func (e *DerivationError) Error() string {
	return fmt.Sprintf("key_value is %q, not one of id, hash and nodeid", string(e.Derivation))
}

// ZeroKeyError says that a node's key would be 0, which is no key.
type ZeroKeyError struct {
	Node       string
	Derivation Derivation
}

func (e *ZeroKeyError) Error() string {
	return fmt.Sprintf("node %s: its key by %s is 0", e.Node, e.Derivation)
}

// SameKeyError says that two nodes would have one key.
type SameKeyError struct {
	Nodes      [2]string
	Key        pr.Key
	Derivation Derivation
}

func (e *SameKeyError) Error() string {
	return fmt.Sprintf("the nodes %s and %s have the same key by %s: %v", e.Nodes[0], e.Nodes[1], e.Derivation, e.Key)
}
