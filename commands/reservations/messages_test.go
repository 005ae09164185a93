package reservations

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"lunguard/cluster"
	"lunguard/commands/catalogue"
	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/protocol"
)

// errorsByTopic are errors, by topic.
func errorsByTopic() map[string][]error {
	path := func(op string, err error) error { return &os.PathError{Op: op, Path: "/run/lunguard", Err: err} }
	return map[string][]error{
		"vg_pr_key":  {&notCopiedError{[]string{"vg1", "vg2"}}},
		"pr_cleanup": {&twinError{"/dev/sda", "/dev/sdb", "naa.6001405"}, &doubtError{"/dev/sda", &protocol.LUNError{LUN: "/dev/sda", Err: protocol.ErrUnresolved}}, &doubtError{"/dev/sda", &protocol.LUNError{LUN: "/dev/sda", Err: errors.Join(protocol.ErrUnresolved, pr.ErrUnsupported)}}},
		"pr_check":   {&publishError{path("open", syscall.EACCES)}},
		"pr_fence": {
			&nodeKeyError{2, "jack4", false}, &nodeKeyError{1, "jack3", true}, &absentKeyError{0xdaed, []pr.Key{0xdead}},
			&victimError{&cluster.UnknownNodeError{Name: "jackk", Config: &cluster.Config{Path: "cluster.conf", Nodes: []cluster.Node{{Name: "jack3", Key: 1}, {Name: "jack4", Key: 2}}}}},
		},
	}
}

// messages is what this room says.
func messages() []catalogue.Message {
	var list []catalogue.Message
	for topic, errs := range errorsByTopic() {
		for _, err := range errs {
			m := words.Of(err)
			list = append(list, catalogue.Message{Topic: topic, Kind: "error", Text: words.JoinedLines(m.Text()), Hint: m.Hint, Status: m.Status})
		}
	}
	return catalogue.Sort(list)
}

func TestMain(m *testing.M) { catalogue.Main(m) }

// What this room says is what its list has, line by line.
func TestMessages(t *testing.T) { catalogue.Compare(t, messages()) }
