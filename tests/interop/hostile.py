def scenarios(): return []
