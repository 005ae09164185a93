package cluster

import (
	"slices"

	"lunguard/protocol"
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

// PRModeOf is the mode of a package whose LUNs can do that.
func (c *Config) PRModeOf(luns []protocol.Support) PRMode {
	if c.PRDisabled {
		return PRDisabled
	}
	return packageMode(luns)
}

// packageMode is the mode of a package whose LUNs have these: one that cannot
// be reserved leaves the package without protection, whatever the others say.
func packageMode(luns []protocol.Support) PRMode {
	switch {
	case len(luns) == 0, slices.Contains(luns, protocol.Unsupported):
		return PRDisabled
	case slices.Contains(luns, protocol.SupportUnknown):
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
