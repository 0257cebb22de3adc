DROP INDEX ticket_awaits_us;
DROP TABLE saved_view;
