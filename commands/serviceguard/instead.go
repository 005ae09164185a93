package serviceguard

// Instead says, for the vendor's commands that are not here, what is.
func Instead() map[string]string {
	const manager = "membership and networks are the cluster manager's"
	const each = "there is no cluster that runs as a whole"
	return map[string]string{
		"cmquerycl":    manager + "; write a cluster file, and check it with cmcheckconf -C",
		"cmdeploycl":   manager + "; write a cluster file, and apply it with cmapplyconf -C",
		"cmdeleteconf": "halt the packages, then take their lines out of /etc/lunguard/cluster.conf on each node, or remove it",
		"cmruncl":      each + "; start packages with cmrunpkg",
		"cmhaltcl":     each + "; halt packages with cmhaltpkg",
		"cmrunnode":    each + "; start packages on the node with cmrunpkg",
		"cmhaltnode":   each + "; halt the packages of the node with cmhaltpkg",
		"cmmodnet":     "addresses are set by the cluster manager, or by an external_script with ip address add",
		"cmsetlog":     "what is changed goes to the system log, more with -v",
		"cmreadlog":    "the log of a package is a text file, /var/log/lunguard/PACKAGE.log or its script_log_file",
		"cmviewconf":   "cmviewcl -v -s config shows the config, cmgetconf prints its files",
		"cmscancl":     "cmviewcl shows the cluster, pr_check each LUN and path",
		"cmstartres":   "nobody here watches resources; a monitor can be a service of the package",
		"cmstopres":    "nobody here watches resources; a monitor can be a service of the package",
		"cmpreparecl":  "nothing has to be prepared; lunguard --install makes the links",
		"cmquerystg":   "pr_check shows the LUNs of packages, vg_pr_key -g those of a volume group",
		"cmversion":    "lunguard --version tells the version",
	}
}
