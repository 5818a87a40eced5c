# SPDX-License-Identifier: Apache-2.0
# Made by `sluicectl completion`.
# shellcheck shell=bash

_sluicectl()
{
	local current=${COMP_WORDS[COMP_CWORD]} words="" said="" i
	local verbs="status show terminate move detach adopt check reload trace events completion"
	local options="--json --socket --pins --no-header --columns --sort --limit --watch --color --utc --help --version"

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-s | -p | -o | -n | --socket | --pins | --columns | --sort | --limit | --color)
			((i++))
			[[ ${COMP_WORDS[i]} != = ]] || ((i++))
			;;
		-*) ;;
		*) said+="${said:+ }${COMP_WORDS[i]}" ;;
		esac
	done
	case $said in
	"")
		words=$verbs
		;;
	show)
		words="calls call streams registrations trunks drops datapath interfaces resources"
		;;
	terminate)
		words="call"
		;;
	move)
		words="call"
		;;
	detach)
		words="datapath"
		;;
	adopt)
		words="datapath"
		;;
	"show call")
		words=$(sluicectl -H -o call show calls 2>/dev/null)
		;;
	"terminate call")
		words=$(sluicectl -H -o call show calls 2>/dev/null)
		;;
	"move call")
		words=$(sluicectl -H -o call show calls 2>/dev/null)
		;;
	"detach datapath")
		words="calls=move"
		;;
	"adopt datapath")
		words="calls=move"
		;;
	"check")
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	esac
	if [[ $current == -* ]]; then
		words=$options
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _sluicectl sluicectl
