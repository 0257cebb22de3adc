# The frame around every page, units, times, clocks, failures.

catalogue-language = en
skip = Skip to content
until = until
oncall-now = On call now
log-out = Log out
foot-zone = Times in
foot-help = Help
close-box = Close

nav-main = Main
nav-small = Main, small screen
nav-review = Review
nav-house = House
nav-home = My shift
nav-queue = Queue
nav-incidents = Incidents
nav-changes = Changes
nav-tasks = Tasks
nav-oncall = On call
nav-search = Search
nav-new = New
nav-more = More
nav-post-mortems = Post-mortems
nav-ledger = Ledger
nav-mail = Mail
nav-customers = Customers
nav-services = Services
nav-people = Teams and people
nav-agreements = Agreements
nav-settings = Settings

mute-label = Warning: nobody can be paged
mute-title = Nobody can be paged.
mute-text = No mail server is set up, so no page and no reply leaves this machine.
mute-fix = Set up mail
mute-ask = { $names ->
    [none] Ask whoever runs this installation to set up mail.
   *[other] Ask { $names } to set up mail.
}
mute-test = Send me a test page
damage-label = Warning: the database
damage-title = The database is damaged.
damage-text = The check after an unclean stop found it. Work and pages go on; whoever runs this installation has to restore a backup (watchkeeper restore).
full-label = Warning: the disk
full-title = The disk is nearly full.
full-text = Mail, new tickets, notes and files are refused until there is more room. Reading, answering and paging go on.
clear-label = Warning: connection
clear-text = This connection isn't encrypted: anybody on the way can read passwords. Use HTTPS.

keys-title = Keys on this page
keys-move = down, up
keys-leave = leave a field; what you typed stays

unit-second = s
unit-minute = min
unit-hour = h
unit-day = d
# chrono's strftime patterns
time-clock = %H:%M
time-week = %a %H:%M
time-year = %-d %b %H:%M
time-far = %-d %b %Y %H:%M
time-full = %a %-d %b %Y %H:%M %Z
time-date = %a %-d %b %Y
time-ago = { $span } ago
time-in = in { $span }

clock-over = { $span } over
clock-held = held
clock-due = by { $at }
clock-met = met
clock-none = no clock

severity-disaster = Disaster
severity-high = High
severity-average = Average
severity-warning = Warning
severity-information = Information

error-missing-title = There is nothing here
error-missing-text = The address is wrong, or what it names isn't for you to see.
error-forbidden-title = That isn't yours to do
error-forbidden-text = You may look, but this action needs a grant that you don't have. An admin can give it to you.
error-refused-title = That wasn't done
error-refused-text = Nothing was changed. Here is why.
error-stale-title = Somebody was faster
error-stale-text = This was changed after you opened it, so nothing was written. Go back, look at what is new, and send again.
clash = Somebody else changed this while you were typing.
clash-by = { $name } changed this while you were typing.
clash-text = Nothing is written yet. Your text is still in the form, and where theirs differs it stands below. Change yours if you want, then save again and it holds.
clash-empty = (nothing)
clash-ticked = Ticked
clash-not-ticked = Not ticked
error-internal-title = We broke
error-internal-text = It isn't your fault, and it was written down. Try again; if it stays, tell whoever runs this the number below.
error-full-title = The disk is nearly full
error-full-text = Nothing was saved. Nothing new is taken in until there is more room; whoever runs this was told. Reading, and answering pages, work as ever.
error-unavailable-title = Not right now
error-unavailable-text = The database is away or full. Nothing was written; try again in a moment.
error-log-in-title = Log in again
error-log-in-text = Your session has ended.
carried-title = You are back in
carried-lead = This is what you had sent when your session ended. Nothing of it is lost; send it now.
carried-send = Send it now
carried-drop = Drop it
error-too-big-title = That is too big
error-too-big-text = Nothing was saved.
error-too-slow-title = That came too slowly
error-too-slow-text = The connection was closed before everything had arrived. Nothing was saved.
error-malformed-title = That couldn't be read
error-malformed-text = The request wasn't what this address expects. Nothing was changed.
error-too-many-title = Too many tries
error-too-many-text = Wait a little, then try again.
error-kept = Your text is kept
error-kept-text = This is what you sent. Copy it, or go back and send it again.
error-back = Back to where I was
error-id = Request

refusal-form-token = This form is from an earlier session. Go back, reload the page, and send it again.
refusal-other-site = This form came from another site.
refusal-too-big = At most { $max } KB are taken.
refusal-too-many = Wait { $secs } s.

field-required = This is needed.
field-too-long = At most { $max } characters; this has { $got }.
field-too-long-bytes = At most { $max } bytes; this has { $got }. Attach long logs as files.
field-unknown-zone =
    { $near ->
        [yes] "{ $value }" is no time zone. Did you mean { $nearest }?
       *[no] "{ $value }" is no time zone. Write it like Europe/Stockholm.
    }
field-not-an-address = "{ $value }" is no mail address. Write it like ada@example.org.
field-files-too-big = The files are more than { $max } MB together, so they were left out. Your text is kept.
