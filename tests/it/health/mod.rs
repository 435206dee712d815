mod show_health;
