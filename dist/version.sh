#!/bin/sh
# version.sh: two lines for the packages, VERSION=... and SOURCE_DATE_EPOCH=...
#
# From git: 1.2 at the tag v1.2, 1.2+3.gHASH three commits behind it, and before
# the first tag 0~DATE.gHASH, which is lower than any release. With changes that
# are not committed, .dirty is added. An archive made by git knows the same from
# dist/release. Elsewhere both must be in the environment.
set -eu
cd "$(dirname "$0")/.."

describe() {
	case $2 in
	v*-*-g*)
		hash=${2##*-} && rest=${2%-*}
		base=${rest%-*} && base=${base#v}
		echo "$(echo "$base" | tr - "~")+${rest##*-}.$hash"
		;;
	v*) echo "${2#v}" | tr - "~" ;;
	*) echo "0~$(date -u -d "@$3" +%Y%m%d%H%M%S).g$(echo "$1" | cut -c 1-12)" ;;
	esac
}

if [ -e .git ] && head=$(git log -1 --format='%H %ct' 2>/dev/null); then
	hash=${head% *} time=${head#* }
	version=$(describe "$hash" "$(git describe --tags --match 'v[0-9]*' 2>/dev/null)" "$time")
	if [ -n "$(git status --porcelain)" ]; then
		case $version in
		*+*) version=$version.dirty ;;
		*~*) version=$version.dirty ;;
		*) version=$version+dirty ;;
		esac
	fi
else
	read -r hash time tag <dist/release
	case $hash in
	*Format*)
		[ -n "${VERSION:-}" ] && [ -n "${SOURCE_DATE_EPOCH:-}" ] || {
			echo "version.sh: neither a git clone nor an archive made by git: set VERSION and SOURCE_DATE_EPOCH" >&2
			exit 1
		}
		;;
	*) version=$(describe "$hash" "$tag" "$time") ;;
	esac
fi
echo "VERSION=${VERSION:-$version}"
echo "SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$time}"
