# Completion of crs-cli for bash: actions, options, and names that the host knows (accounts, clients, admins, ...).
# Installed as /usr/share/bash-completion/completions/crs-cli; to try it from a checkout: source etc/crs/crs-cli.bash

_crs_cli() {
    mapfile -t COMPREPLY < <("$1" --complete "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    if [[ ${COMPREPLY[0]-} == "<file>" ]]; then
        COMPREPLY=()
        compopt -o default
    fi
}
complete -F _crs_cli crs-cli
