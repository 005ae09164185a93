package cluster

import (
	"errors"
	"strings"
)

// NoLUNError says that a package names no LUN, and does not say that it has none: it
// would run without protection, as one in which the line was forgotten.
type NoLUNError struct {
	Package *Package
}

func (e *NoLUNError) Error() string {
	text := "package " + e.Package.Name + " has no LUN: no vg and no pv line"
	if e.Package.Control != nil {
		text += ", and its control script names no volume group"
	}
	return text
}

// HasNoLUNs reports whether the package says that it has none, on purpose: it is
// services and addresses alone.
func (p *Package) HasNoLUNs() bool {
	v, _ := p.Settings.Get("no_luns")
	return strings.EqualFold(v, "yes")
}

// DisksKnown tells why it is not known which disks are the package's; nil if it is.
// Errors: *ControlError, joined; *NoLUNError.
func (p *Package) DisksKnown() error {
	switch {
	case p.Control != nil && p.Control.Fault != nil:
		return p.Control.Fault
	case len(p.Groups)+len(p.Volumes) == 0 && !p.HasNoLUNs():
		return &NoLUNError{p}
	}
	return nil
}

// DisksKnown is that of a package; but where nothing is to be protected, it needs no
// LUN. There may be no config.
func (c *Config) DisksKnown(p *Package) error {
	err := p.DisksKnown()
	if none := (*NoLUNError)(nil); c != nil && c.PRDisabled && errors.As(err, &none) {
		return nil
	}
	return err
}
