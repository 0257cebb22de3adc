# Help and search.

search-for = Search for
search-hint = Words that must all be there, in titles, timelines and mail; a star stands for any ending: cert*. A number such as INC-12 opens its ticket.
search-nothing = Nothing that was written has these words.
search-mails = Mail that stands on no ticket
search-count = { $n ->
    [one] one place
   *[other] { $n } places
 } in { $tickets ->
    [one] one ticket
   *[other] { $tickets } tickets
 }
search-many = more than { $n } places; more words find less

help-night = Paged at night
help-night-text = The page carries a link. Open it, press "I have it": the paging stops and you have the ticket. If you do nothing, the next person is paged; the link says when.
help-lines = The line under a row
help-lines-text = It is the row's next promise: its length is the share of time that is left. Thick and ochre: the last fifth. Double and red: too late, and by how much. Hatched: on hold.
help-write = Who reads what
help-write-text = A note has a hatched edge and never leaves the team. An answer or an update stands in a dark frame and names on its button who will get it.
help-severities = Severities
help-severity-disaster = Disaster: stop everything. Pages at any hour, then everybody after that.
help-severity-high = High: act now. Pages whoever is on duty, and the team in its working hours.
help-severity-average = Average: today. Tells the team in its working hours.
help-severity-warning = Warning: planned. Nobody is told.
help-severity-information = Information: noted only.
help-keys = Keys
help-keys-text = A question mark shows the keys of the page. They rest while you type. Ctrl Enter sends a form.
