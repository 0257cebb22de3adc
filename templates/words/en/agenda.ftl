# The calendar of changes, and what conflicts with what.

agenda-title = Calendar of changes
agenda-lead = Shaded is when changes don't begin.
agenda-earlier = Earlier
agenda-later = Later
agenda-today = Today
agenda-lanes = Two weeks, a lane for each service that has something planned
agenda-lane-changes =
    { $n ->
        [one] one change
       *[other] { $n } changes
    }
agenda-house = Whole house
agenda-closed = changes don't begin
agenda-change = a change
agenda-none = Nothing is planned in these two weeks, and no window opens.
agenda-table = The same as a table
agenda-from = From
agenda-until = Until
agenda-what = What
agenda-conflicts = In its way
agenda-subscribe = In your own calendar
agenda-feed-text = An address that calendar programs read: windows, and changes with a time, three months ahead. Whoever has it reads them, and can do nothing else.
agenda-feed-once = Copy the address now: it isn't shown again. An earlier one works no more.
agenda-feed-new = Make an address
agenda-feed-revoke = Stop the address
agenda-feed-name = Changes
agenda-feed-freeze = Freeze: { $name }
agenda-feed-maintenance = Maintenance window: { $name }

conflict-same-service = another change of the same service
conflict-upstream-busy = a change of something that its service calls
conflict-downstream-busy = a change of something that calls its service
conflict-shared-infra = a change of something that runs on the same infrastructure
conflict-same-assignee = whoever does it does another one then
conflict-in-freeze = in the freeze
conflict-outside-maintenance = outside of maintenance; the next window is
conflict-exceeds-maintenance = ends after the maintenance window
conflict-open-incident = an open incident of the same service, or of one that it calls
conflict-unreviewed-emergency = broken glass that nobody has looked at
change-conflicts = In its way
conflict-blocks-it = { $text } (it doesn't begin)
conflict-wants-approval = { $text } (begins with an approval that has seen it)
settings-conflicts = What is in the way of changes
settings-conflicts-lead = What it means for a change that is about to begin where customers are. Breaking the glass goes through all of it.
settings-conflict-same-service = Another change of the same service
settings-conflict-upstream-busy = A change of something that its service calls
settings-conflict-downstream-busy = A change of something that calls its service
settings-conflict-shared-infra = A change of something on the same infrastructure
settings-conflict-same-assignee = Whoever does it does another one then
settings-conflict-in-freeze = A freeze
settings-conflict-outside-maintenance = No maintenance window is open
settings-conflict-exceeds-maintenance = It ends after the maintenance window
settings-conflict-open-incident = An open incident of the same service, or of one that it calls, that it isn't linked to
settings-conflict-unreviewed-emergency = Broken glass that nobody has looked at
settings-conflict-by-window = Each window says it itself.
settings-conflict-level-warn = It is said
settings-conflict-level-approve = An approval has to have seen it
settings-conflict-level-block = It doesn't begin
field-not-a-conflict-level = “{ $value }” is no such level. Write code:level, such as same_service:block; codes: { $codes }; levels: warn, approve, block.
refusal-conflict-blocks = { $key } doesn't begin, for { $what }: { $with }. If it can't wait, break the glass.
refusal-conflict-unseen = Nobody who approved { $key } has seen this: { $what }: { $with }. Take it back to draft and ask again; if it can't wait, break the glass.
