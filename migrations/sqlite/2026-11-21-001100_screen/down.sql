DROP TABLE screen_choice;
