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
