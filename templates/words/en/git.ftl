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
