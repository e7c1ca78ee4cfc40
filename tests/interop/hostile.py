"""Variations that somebody would like a client to fall for, by the role that is attacked."""

import hostile_delegations
import hostile_files
import hostile_online
import hostile_root


def scenarios():
    modules = (hostile_root, hostile_online, hostile_delegations, hostile_files)
    return [make() for module in modules for make in module.ALL]
