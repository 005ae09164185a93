//go:build lab

package guest

import "testing"

// TestHungMachine makes this guest one of the three machines of the hung-node test, which
// the host conducts. There is nothing to do for it in the laboratory of one guest.
func TestHungMachine(t *testing.T) {
	role, err := hungRole()
	if err != nil {
		t.Fatal(err)
	}
	if role == "" {
		t.Skip("one of three machines; the host runs them")
	}
	serveHung(t, role, nvmeSuites)
}
