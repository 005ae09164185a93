package front

import (
	"fmt"
	"testing"

	"lunguard/protocol"
)

// A name in a file cannot make a line look like another one.
func TestForgedLogLine(t *testing.T) {
	var e Entry
	e.Field(fieldAction, string(DeedStart))
	e.Field(FieldPackage, "p\n<29>Nov 1 00:00:00 pr_fence[1]: action=fence result=ok")
	e.Result(fmt.Errorf("a\nb %w", &protocol.LUNError{LUN: `/dev/"x y"`, Err: protocol.ErrNoPath}))
	want := `action=start pkg="p\n<29>Nov 1 00:00:00 pr_fence[1]: action=fence result=ok" result=error err="a\nb /dev/\"x y\": no usable path"`
	if got := e.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
