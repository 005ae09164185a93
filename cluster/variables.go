package cluster

import "os"

// UnsetError says that the name of a file has a variable which is not set.
type UnsetError struct{ File, Variable string }

func (e *UnsetError) Error() string { return e.File + ": the variable " + e.Variable + " is not set" }

// Expand puts the values of variables into the name of a file, as in
// $SGCONF/pkg1/control.sh. One that is not set is an error, *UnsetError: what was
// meant to be below some folder must not be looked for below /.
func Expand(file string, lookup func(name string) (value string, ok bool)) (string, error) {
	unset := ""
	text := os.Expand(file, func(name string) string {
		value, ok := lookup(name)
		if (!ok || value == "") && unset == "" {
			unset = name
		}
		return value
	})
	if unset != "" {
		return "", &UnsetError{file, unset}
	}
	return text, nil
}
