unsigned table_sum(void);

int main(void) { return table_sum() == 140 ? 0 : 1; }
