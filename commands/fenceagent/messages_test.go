package fenceagent

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"lunguard/cluster"
	"lunguard/cluster/corosync"
	"lunguard/commands/catalogue"
	"lunguard/commands/front"
	"lunguard/commands/words"
)

// errorsOf are the errors that this room makes.
func errorsOf() []error {
	conf := &cluster.Config{Path: "/etc/lunguard/cluster.conf", Nodes: []cluster.Node{{Name: "jack3", Key: 1}}}
	path := &os.PathError{Op: "open", Path: "/etc/corosync/corosync.conf", Err: syscall.ENOENT}
	list := []error{
		front.Usagef("no node is named: plug or nodename is missing"), front.Usagef("%q is no option", "node3"), front.Usagef("no action is given, and parameter %q is not known", "acton"),
		front.Usagef("unsupported action %q; there are %s", "reboot", "on, off"), front.Usagef("key_value is %s, and there is no config", "config"),
		front.Usagef("packages are those of the config; devices and vgs stand for a cluster that has none"),
		front.Usagef("%s is %q, neither yes nor no", "force_on", "perhaps"), front.Usagef("%s is %q; seconds were expected, such as 30", "deadline", "soon"),
		front.Usagef("%s is %q: 1 to 16 hexadecimal digits were expected, not zero, below 4000000000000000", "key", "shoe"),
		front.Usagef("%s is %q: that is the key of %s", "key", "bcb00002", "jack4"),
		&front.DeadlineError{Limit: 30 * time.Second}, &inputError{TooLong: true}, &inputError{Err: context.DeadlineExceeded},
		&unknownError{"jack3"}, &takingError{"/dev/sda"},
		&emptyError{"pkg1"}, &missingError{"naa.5000"}, &otherHostError{"jack3", "jack4"}, &ownNodeError{"jack3"}, &notInError{"/dev/sda", "jack3"},
		&partlyError{"/dev/sda"}, &heldError{"/dev/sda", "jack3", "jack4"}, &openError{"/dev/sda", "jack5"}, &notReservedError{"/dev/sda"}, &fencedError{"/dev/sda", "jack3"},
		&usedError{"/dev/sda", "/dev/sda is mounted on /data"},
		&derivedError{0xf9660000, "jack3", corosync.ByPosition},
		&unloadedError{path.Path, &corosync.Config{Name: "lab", Nodes: []corosync.Node{{Name: "jack3", ID: 1}, {Name: "jack4", ID: 2}}}},
		&corosyncError{path.Path, path}, &nodeError{"jack5", conf}, &disabledError{conf.Path}, &nothingError{}, &noArbiterError{},
	}
	for _, err := range []error{
		&corosync.SyntaxError{Line: 3, What: "a section is closed that was not opened"},
		&corosync.DerivationError{Derivation: "name"}, &corosync.ZeroKeyError{Node: "jack3", Derivation: corosync.ByPosition},
		&corosync.SameKeyError{Nodes: [2]string{"jack3", "jack4"}, Key: 0xf9660000, Derivation: corosync.ByName},
	} {
		list = append(list, &corosyncError{path.Path, err})
	}
	return list
}

// messages is what this room says.
func messages() []catalogue.Message {
	var list []catalogue.Message
	for _, err := range errorsOf() {
		m := words.Of(err)
		list = append(list, catalogue.Message{Topic: "fence_lunguard", Kind: "error", Text: words.JoinedLines(m.Text()), Hint: m.Hint, Status: m.Status})
	}
	for _, w := range []string{`parameter "shoe" is not known and was not looked at`, "jack3 is fenced by key 0xbcb00001, which was given by hand"} {
		list = append(list, catalogue.New("fence_lunguard", "warning", w))
	}
	return catalogue.Sort(list)
}

func TestMain(m *testing.M) { catalogue.Main(m) }

// What this room says is what its list has, line by line.
func TestMessages(t *testing.T) { catalogue.Compare(t, messages()) }
