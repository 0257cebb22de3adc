# The terms side of promises: versions of agreements and calendars, corrections, locked periods.

field-not-over-yet = A period can be locked once it is over.
