DROP TABLE change_plan;
DROP TABLE git_deed;
DROP TABLE git_link;
DROP TABLE git_commit;
DROP TABLE recorded_tip;
DROP TABLE ref_move;
DROP TABLE push;
DROP TABLE repository;
