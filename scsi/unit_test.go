package scsi

import (
	"context"
	"strings"
	"testing"

	"lunguard/pr"
)

// A reset reaches the transport as one request without a CDB, through whatever
// lies between, and its error has its name.
func TestReset(t *testing.T) {
	for _, tc := range []struct {
		name    string
		script  []answer
		sent    int
		class   string
		unknown bool
	}{
		{"complete", []answer{{}}, 1, "", false},
		{"busy, then complete", []answer{{reply: Reply{Status: Busy}}, {}}, 2, "", false},
		{"lost", []answer{host(HostTransportDisrupted), {}}, 1, "transport", true},
		{"timeout", []answer{host(HostTimeOut), {}}, 1, "timeout transport", true},
		{"unsupported", []answer{{err: ErrUnsupported}}, 1, "unsupported", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []Request
			f := &fake{t: t}
			f.answers = func(n int, req *Request) answer {
				got = append(got, *req)
				return tc.script[n]
			}
			u := NewUnit("/dev/sdq", &Retry{Transport: f, Sleep: noSleep})
			err := u.Reset(context.Background())
			diff(t, "class", tc.class, classOf(err))
			diff(t, "outcome unknown", tc.unknown, pr.OutcomeUnknown(err))
			diff(t, "sent", tc.sent, len(got))
			diff(t, "request", Request{Function: LogicalUnitReset}, got[0])
			if err != nil && !strings.HasPrefix(err.Error(), "/dev/sdq: LOGICAL UNIT RESET: ") {
				t.Errorf("text %q", err)
			}
		})
	}
}
