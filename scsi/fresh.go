package scsi

import (
	"context"

	"lunguard/pr"
)

// stale reports whether the request must not be sent any more: see [pr.WhileFresh].
func stale(ctx context.Context, req *Request) bool { return req.decides() && pr.Stale(ctx) }
