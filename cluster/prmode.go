package cluster

import (
	"context"
	"errors"
	"slices"

	"lunguard/scsi"
)

// PRMode says whether a package, or the cluster, is protected by reservations.
type PRMode string

// PR modes, in the vendor's spelling. PRUnknown is of this project: the
// vendor's commands never say that they do not know.
const (
	PREnabled  PRMode = "pr_enabled"
	PRDisabled PRMode = "pr_disabled"
	PRUnknown  PRMode = "pr_unknown"
)

// PRMode tells whether every LUN of the package can be reserved as the package
// needs it. It asks the devices what they can do, with two commands a LUN at
// most, and changes nothing.
func (r *Run) PRMode(ctx context.Context) PRMode {
	if r.Config.PRDisabled || len(r.LUNs) == 0 {
		return PRDisabled
	}
	modes := make([]PRMode, len(r.LUNs))
	r.eachLUN(func(i int) { modes[i] = r.target(r.LUNs[i]).prMode(ctx) })
	return packageMode(modes)
}

// packageMode is the mode of a package whose LUNs have these: one that cannot
// be reserved leaves the package without protection, whatever the others say.
func packageMode(luns []PRMode) PRMode {
	switch {
	case len(luns) == 0, slices.Contains(luns, PRDisabled):
		return PRDisabled
	case slices.Contains(luns, PRUnknown):
		return PRUnknown
	}
	return PREnabled
}

// ClusterPRMode is the mode of the cluster whose packages have these: enabled
// as soon as one package is.
func ClusterPRMode(c *Config, packages []PRMode) PRMode {
	switch {
	case c.PRDisabled:
		return PRDisabled
	case len(packages) == 0, slices.Contains(packages, PREnabled):
		return PREnabled
	case slices.Contains(packages, PRUnknown):
		return PRUnknown
	}
	return PRDisabled
}

// prMode asks one LUN.
func (t *target) prMode(ctx context.Context) PRMode {
	err := t.readCapabilities(ctx)
	if err == nil && t.caps == nil {
		// Older than REPORT CAPABILITIES. Whoever knows READ KEYS can reserve.
		err = t.onAnyPath(func(p Nexus) error { return knowsKeys(ctx, p) })
	}
	return lunMode(err)
}

// lunMode is the mode of a LUN that was asked what it can do, by the outcome.
func lunMode(err error) PRMode {
	switch {
	case err == nil:
		return PREnabled
	case errors.Is(err, ErrNoReservationType), errors.Is(err, scsi.ErrUnsupported):
		return PRDisabled
	}
	return PRUnknown
}

// knowsKeys asks a device for its keys, by one command where the path lets it
// be sent by itself.
func knowsKeys(ctx context.Context, p Nexus) error {
	if u, ok := p.(interface{ Transport() scsi.Transport }); ok {
		_, err := scsi.ReadKeys{}.Execute(ctx, u.Transport())
		return err
	}
	_, err := p.State(ctx)
	return err
}
