# Hooks, repositories and what commits do.

hook-failed = the push is done, but recording it failed: { $why }
hook-no-check = this message wasn't checked: { $why }
hook-install-away = { $url } doesn't answer now ({ $why }); installed all the same, and pushes will be told later
hook-installed = { $hook } hook installed at { $path }
hook-chained = the hook that was there runs first; it is { $path } now
hook-not-set-up = this repository isn't set up; run `watchkeeper hook install`
hook-no-ticket = this message names no ticket; add a line such as "Refs: CHG-7", or "No-Ticket: why"
hook-enforced = refused, because .watchkeeper.toml says enforce = true; your message is in .git/COMMIT_EDITMSG
hook-understood = read as { $links }
hook-unknown-ticket = warning: { $key } doesn't exist
hook-near-miss = "{ $text }" isn't read as a ticket; did you mean "{ $instead }"?
hook-not-a-link = "{ $text }" isn't read as a ticket
hook-conflict = { $text } is both closed and reopened here, so neither happens
hook-not-checked = tickets not checked: the service didn't answer within { $millis } ms
hook-token-refused = the service doesn't take this repository's token: { $why }
hook-push-refused = the service refused a push for good: { $why }; it lies in { $path }
hook-recorded-later = { $count ->
    [one] one push will be recorded later
   *[other] { $count } pushes will be recorded later
}. { $why }
hook-drained = { $sent } sent, { $left } still waiting
hook-told = { $key } { $relation }, { $count ->
    [one] one commit
   *[other] { $count } commits
}{ $did }

did-link = { "" }
did-content = { ", fills the plan" }
did-resolve = { ", resolved" }
did-reopen = { ", reopened" }
did-fix-landed = { ", fix landed" }
did-note-revert = { ", taken back" }
did-revert-prepared = { ", revert prepared" }
did-refuse-reopen = { ", but a commit can't reopen a change" }

repositories-title = Repositories
repositories-none = No repository tells us about its commits yet.
repository-new = Register a repository
repository-register = Register
repository-save = Save
repository-name = Repository
repository-name-hint = As people call it, such as infra/web.
repository-branch = Default branch
repository-branch-hint = What lies on it is published: commits there close tasks.
repository-publish = Other published branches
repository-publish-hint = Names or patterns, such as release/*.
repository-url = Address of a commit
repository-url-hint = Optional; { "{commit}" } stands for its id.
repository-active = In use; without this its hooks are turned away
repository-retired = retired
repository-last = Last push
repository-tokens = Tokens
repository-token = Command with the token
repository-new-token = New token
repository-new-token-of = New token for { $name }
repository-fresh = Run this in { $name }: in the bare repository to record pushes, in clones to be warned at commit time.
repository-fresh-text = The token is shown now and never again. An older one works for another day.
deed-repository-registered = registered the repository
deed-repository-changed = changed the repository
