DROP TABLE outage_file;
DROP TABLE outage_report;
DROP TABLE meeting_guest;
DROP TABLE meeting;
DROP TABLE action_item;
DROP TABLE postmortem_section;
DROP TABLE postmortem;
