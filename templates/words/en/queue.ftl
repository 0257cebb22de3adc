# The queue, its filter and its rows.

nobody = nobody
delete = Delete
csv = CSV
pager-first = First page
pager-next = Next page

queue-title = Queue
incidents-title = Incidents
changes-title = Changes
tasks-title = Tasks
post-mortems-title = Post-mortems
queue-summary = { $open } open, { $late } overdue, { $soon } due within 30 min
queue-views = Saved views
queue-no-views = None yet. Filter the list, then give it a name here.
queue-shared = shared
queue-share = Everybody may open it
queue-save-as = Save this filter as
queue-save = Save view
queue-delete-view = Delete the view { $name }
queue-filter = Filter
queue-apply = Apply
queue-chip-mine = Mine
queue-chip-nobody = Nobody has it
queue-chip-soon = Due in 30 min
queue-chip-replied = Customer replied
queue-nothing-found = Nothing matches this filter.
queue-all-open = All open tickets
queue-empty = Nothing is open. What comes in by mail, phone, monitoring or from here will stand in this list, soonest deadline first.
queue-caption = Tickets, soonest deadline first
queue-language = How to filter
queue-language-text = Words search title and timeline. Terms narrow: is, type, state, sev, priority, owner, customer, service, team, label, due, sort. A minus excludes, quotes keep blanks together. The address of this page is the filter: send it to a colleague.
keys-open = open

col-severity = Severity
col-number = Number
col-title = Title
col-state = State
col-customer = Customer
col-owner = Owner
col-clock = Clock
row-replied = replied

new-ticket = New ticket
new-call = Phone call

said-view-saved = The view is saved.
said-view-deleted = The view is deleted.

field-query-unknown-key = "{ $key }" is no filter term. There are: { $known }.
field-query-unknown-value = "{ $key }:{ $value }" isn't understood. After "{ $key }:" comes one of: { $known }.
field-query-unknown-name = No { $key } begins with "{ $value }".
field-query-no-minus = "{ $key }" can't be excluded with a minus.

kind-incident = Incident
kind-change = Change
kind-task = Task
kind-post-mortem = Post-mortem

state-new = New
state-in-progress = In progress
state-restored = Restored
state-resolved = Resolved
state-closed = Closed
state-draft = Draft
state-awaiting-approval = Awaiting approval
state-approved = Approved
state-on-watch = On watch
state-open = Open
state-done = Done
state-wont-do = Won't do
state-in-review = In review
state-reviewed = Reviewed
state-skipped = Skipped
state-cancelled = Cancelled
state-merged = Merged

waiting-customer = Waiting on customer
waiting-vendor = Waiting on vendor
waiting-colleague = Waiting on colleague
waiting-date = Waiting for a date
waiting-for = Waiting for { $whom }
waiting-more = and { $n } more
waiting-whom-customer = the customer
waiting-whom-vendor = the vendor
waiting-whom-colleague = a colleague
waiting-whom-date = a date
hold-line = held { $span }, waiting for { $whom }

metric-own = Somebody has it
metric-respond = First response
metric-update = Customer update
metric-restore = Restore
metric-resolve = Resolve
metric-report = Outage report
metric-review = Review
metric-meeting = Post-mortem meeting
metric-call-back = Call back
metric-log = Ticket logged
metric-due = Due
metric-join-request = Somebody asks to join

priority-urgent = Urgent
priority-high = High
priority-normal = Normal
priority-low = Low
risk-high = High risk
risk-medium = Medium risk
risk-low = Low risk
