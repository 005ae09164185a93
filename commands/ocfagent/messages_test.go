package ocfagent

import (
	"errors"
	"testing"

	"lunguard/commands/catalogue"
	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/protocol"
)

// errorsOf are the errors that this room makes.
func errorsOf() []error {
	jack3, jack4 := protocol.Member{Name: "jack3", Key: 0xbcb00001}, protocol.Member{Name: "jack4", Key: 0xbcb00002}
	return []error{
		&actionError{"promote"}, &parameterError{"package", "", "it is missing"}, &parameterError{"scope", "some", "neither reservations nor all"},
		&parameterError{"on_unknown", "perhaps", "neither fail nor ignore"}, &parameterError{"deadline", "soon", "seconds were expected, such as 30"},
		&parameterError{"package", "pkg1", "devices and vgs stand for a cluster without a config"}, &parameterError{"scope", "all", "that is for packages of a config"},
		&parameterError{"OCF_CHECK_LEVEL", "deep", "a number was expected"},
		&disabledError{"/etc/lunguard/cluster.conf"}, &emptyError{"pkg1"},
		&goneError{"/dev/sda", jack3, protocol.Member{}, false}, &goneError{"/dev/sda", jack3, protocol.Member{}, true}, &goneError{"/dev/sda", jack3, jack4, false}, &outError{"/dev/sda", "jack3"}, &newError{"/dev/sda"}, &leftError{"naa.6"},
		&openError{"/dev/sda"}, &sharedError{"/dev/sda", jack4}, &strangerError{"/dev/sda", []pr.Key{0xdead}}, &pathError{"/dev/mapper/mpatha", "/dev/sda"}, &pathError{"/dev/mapper/mpatha", ""},
		&unfinishedError{"pkg1", "start or stop"}, &unfinishedError{"pkg1", "stop"}, &memoryError{"pkg1", errors.New("unexpected end of JSON input")},
		&scopeError{"pkg1"}, &serviceError{"pkg1", "web: exit status 1"}, &stepsError{"cmrunpkg", "pkg1", 1}, &supportError{"/dev/sda"},
	}
}

// messages is what this room says.
func messages() []catalogue.Message {
	var list []catalogue.Message
	for _, err := range errorsOf() {
		m := words.Of(err)
		list = append(list, catalogue.Message{Topic: "ocf", Kind: "error", Text: words.JoinedLines(m.Text()), Hint: m.Hint, Status: m.Status})
	}
	return catalogue.Sort(list)
}

func TestMain(m *testing.M) { catalogue.Main(m) }

// What this room says is what its list has, line by line.
func TestMessages(t *testing.T) { catalogue.Compare(t, messages()) }
