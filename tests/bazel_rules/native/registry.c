int registered = 0;
