package sgpersist

import (
	"fmt"
	"io"
)

// InvocationVariable makes the sg3_utils show how they were called.
const InvocationVariable = "SG3_UTILS_INVOCATION"

// TellInvocation shows the command line; as is what the command was called by.
func TellInvocation(w io.Writer, version, as string, args []string) {
	text := fmt.Sprintf("vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv\n"+
		"utility_given=%s: \nversion_string=%s\ninvocation_arguments:\n  %s\n", prog, version, as)
	for _, a := range args {
		text += "  " + a + "\n"
	}
	fmt.Fprint(w, text+"^^vv^^vv^^vv^^vv^^vv^^vv^^vv^^vv^^vv^^vv^^vv^^vv^^vv^^vv^^vv\n")
}
