#!/bin/sh
# release.sh VERSION: what is given out of a release, in $OUT or bin/release: for each
# processor the binary, a deb, an rpm and what they are made of (CycloneDX); and the
# checksums. The commit has the tag vVERSION, and CHANGELOG.md a section for it. The same
# commit gives the same bytes.
set -eu
umask 022
cd "$(dirname "$0")/.."
die() { echo "release.sh: $*" >&2; exit 1; }

version=${1:-}
case $version in
'') die "a version is missing: make release VERSION=0.1.0" ;;
*[!0-9.]* | *..* | .* | *.) die "$version: three numbers with dots between them were expected" ;;
*.*.*.*) die "$version: three numbers with dots between them were expected" ;;
*.*.*) ;;
*) die "$version: three numbers with dots between them were expected" ;;
esac
[ -z "$(git status --porcelain)" ] || die "there are changes that are not committed"
[ "$(git rev-parse -q --verify "v$version^{commit}")" = "$(git rev-parse HEAD)" ] ||
	die "this commit is not v$version: git tag v$version"
grep -q "^## $version\( \|$\)" CHANGELOG.md || die "CHANGELOG.md has no section ## $version"

OUT=${OUT:-bin/release}
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
[ -z "$(ls "$OUT")" ] || die "$OUT is not empty"
export OUT VERSION="$version"
for arch in amd64 arm64; do
	BINARY=$OUT/lunguard-$version-linux-$arch
	make -s binary BINARY="$BINARY" GOOS=linux GOARCH=$arch
	BINARY=$BINARY GOARCH=$arch sh dist/package/build.sh ${KINDS:-deb rpm} >/dev/null
	go run ./dist/sbom "$BINARY" dist/copyright >"$BINARY.cdx.json"
	chmod 644 "$BINARY.cdx.json"
done
cd "$OUT"
LC_ALL=C
export LC_ALL
set -- *
sha256sum "$@" >SHA256SUMS
echo "$OUT:"
cat SHA256SUMS
