#!/bin/sh
# build.sh deb|rpm...: packages of bin/lunguard in $OUT or bin/, by the tools of
# the distributions. What is in them is what install.sh lays out. The same commit
# gives the same bytes. GOARCH is that of the binary.
set -eu
umask 022
cd "$(dirname "$0")/../.."

eval "$(sh dist/version.sh | sed "s/=\(.*\)/='\1'/")"
export SOURCE_DATE_EPOCH
MAINTAINER=${MAINTAINER:-the lunguard authors <lunguard@users.noreply.github.com>}
OUT=${OUT:-bin}
GOARCH=${GOARCH:-$(go env GOARCH)}
summary='SCSI-3 persistent reservations for clustered disks'
description='Keeps the disks of a failover cluster writable by the nodes that run a package
and by no other. Has pr_start, pr_halt, pr_fence, pr_check and a deadman,
pr_watchdog; and the commands that administrators of HP Serviceguard know:
vg_pr_key, pr_cleanup, cmviewcl and others, in /usr/lib/lunguard/bin.'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stage=$work/stage

# lay_out ZSHDIR: the tree of a package.
lay_out() {
	rm -rf "$stage"
	DESTDIR=$stage PREFIX=/usr ZSHDIR=$1 sh dist/install.sh install
}

deb() {
	lay_out /usr/share/zsh/vendor-completions
	case $GOARCH in
	ppc64le) arch=ppc64el ;;
	arm) arch=armhf ;;
	386) arch=i386 ;;
	*) arch=$GOARCH ;;
	esac
	cat <<-. | gzip -9nc >"$stage/usr/share/doc/lunguard/changelog.Debian.gz"
		lunguard ($VERSION-1) unstable; urgency=medium

		  * See changelog.gz.

		 -- $MAINTAINER  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
	.
	install -d "$stage/usr/share/lintian/overrides" "$stage/DEBIAN"
	install -m 644 dist/package/lintian-overrides "$stage/usr/share/lintian/overrides/lunguard"
	cat >"$stage/DEBIAN/control" <<-.
		Package: lunguard
		Version: $VERSION-1
		Architecture: $arch
		Maintainer: $MAINTAINER
		Installed-Size: $(du -k -s --apparent-size "$stage" | cut -f 1)
		Suggests: lvm2, multipath-tools
		Section: admin
		Priority: optional
		Description: $summary
		$(echo "$description" | sed 's/^/ /')
	.
	(cd "$stage" && find usr -type f | LC_ALL=C sort | xargs md5sum) >"$stage/DEBIAN/md5sums"
	for script in postinst prerm postrm; do
		install -m 755 dist/package/$script "$stage/DEBIAN/$script"
	done
	file=$OUT/lunguard_$VERSION-1_$arch.deb
	# One thread: the number of processors changes what xz writes.
	find "$stage" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	DPKG_DEB_THREADS_MAX=1 dpkg-deb --root-owner-group -Zxz --build "$stage" "$file" >/dev/null
	echo "$file"
}

# script NAME: a maintainer script in a spec, in which % begins a macro.
script() { sed '1d; s/%/%%/g' "dist/package/$1"; }

# spec is all that rpm is told. Nothing is built, stripped or looked up by it.
spec() {
	cat <<-.
		%global debug_package %{nil}
		%global __os_install_post %{nil}
		%global _build_id_links none
		%global _buildhost localhost
		%global _binary_payload w9.gzdio
		%global use_source_date_epoch_as_buildtime 1
		%global clamp_mtime_to_source_date_epoch 1
		%global source_date_epoch_from_changelog 0
		Name: lunguard
		Version: $VERSION
		Release: 1
		Summary: $summary
		License: MIT
		Packager: $MAINTAINER
		AutoReqProv: no
		Suggests: lvm2
		Suggests: device-mapper-multipath
		%description
		$description
		%install
		cp -a $stage/. %{buildroot}/
		%post
		$(script postinst)
		%preun
		$(script prerm)
		%postun
		$(script postrm)
		%files
		%defattr(-,root,root,-)
		%dir /etc/lunguard
		%dir /usr/lib/ocf
		%dir /usr/lib/ocf/resource.d
		%dir /usr/lib/ocf/resource.d/lunguard
		%dir /usr/lib/lunguard
		%dir /usr/lib/lunguard/bin
		%dir /usr/share/doc/lunguard
		%dir /usr/share/doc/lunguard/examples
		$(cd "$stage" && find . ! -type d -printf '/%P\n' | LC_ALL=C sort)
		%changelog
		* $(LC_ALL=C date -u -d "@$SOURCE_DATE_EPOCH" '+%a %b %d %Y') $MAINTAINER - $VERSION-1
		- See changelog.gz.
	.
}

rpm() {
	lay_out /usr/share/zsh/site-functions
	case $GOARCH in
	amd64) arch=x86_64 ;;
	arm64) arch=aarch64 ;;
	arm) arch=armv7hl ;;
	386) arch=i686 ;;
	*) arch=$GOARCH ;;
	esac
	find "$stage" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	spec >"$work/lunguard.spec"
	rpmbuild --quiet -bb --target "$arch-linux" --define "_topdir $work/rpm" "$work/lunguard.spec" >"$work/log" 2>&1 ||
		{ cat "$work/log" >&2; exit 1; }
	file=$OUT/lunguard-$VERSION-1.$arch.rpm
	mv "$work/rpm/RPMS/$arch/lunguard-$VERSION-1.$arch.rpm" "$file"
	echo "$file"
}

mkdir -p "$OUT"
for kind in "$@"; do
	case $kind in
	deb | rpm) $kind ;;
	*) echo "build.sh: $kind: deb or rpm was expected" >&2; exit 1 ;;
	esac
done
