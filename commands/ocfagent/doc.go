// Package ocfagent is ocf:lunguard:package, a resource agent for Pacemaker by the OCF
// resource agent API: the action is its only word, parameters are in the environment, and
// exit statuses are those of the API.
//
// What this host has written down since it was booted (runpkg.Started) says whether the
// package was started here; who is protected is read from the LUNs. Where nothing is
// written the package is not running, and no device is opened to say so.
package ocfagent
