package cluster

import (
	"testing"

	"lunguard/protocol"
)

// One LUN that cannot decides for all.
func TestPRModeOf(t *testing.T) {
	const yes, no, unknown = protocol.Supported, protocol.Unsupported, protocol.SupportUnknown
	for _, tc := range []struct {
		forced bool
		luns   []protocol.Support
		want   PRMode
	}{
		{want: PRDisabled},
		{forced: true, luns: []protocol.Support{yes}, want: PRDisabled},
		{luns: []protocol.Support{yes, yes}, want: PREnabled},
		{luns: []protocol.Support{yes, unknown}, want: PRUnknown},
		{luns: []protocol.Support{unknown, no, yes}, want: PRDisabled},
	} {
		if got := (&Config{PRDisabled: tc.forced}).PRModeOf(tc.luns); got != tc.want {
			t.Errorf("forced %v, %v: %s, %s expected", tc.forced, tc.luns, got, tc.want)
		}
	}
}

func TestClusterPRMode(t *testing.T) {
	for _, tc := range []struct {
		forced   bool
		packages []PRMode
		want     PRMode
	}{
		{want: PREnabled},
		{forced: true, packages: []PRMode{PREnabled}, want: PRDisabled},
		{forced: true, want: PRDisabled},
		{packages: []PRMode{PRDisabled, PRDisabled}, want: PRDisabled},
		{packages: []PRMode{PRDisabled, PRUnknown}, want: PRUnknown},
		{packages: []PRMode{PRUnknown, PREnabled, PRDisabled}, want: PREnabled},
	} {
		if got := ClusterPRMode(&Config{PRDisabled: tc.forced}, tc.packages); got != tc.want {
			t.Errorf("forced %v, packages %v: %s, %s expected", tc.forced, tc.packages, got, tc.want)
		}
	}
}
