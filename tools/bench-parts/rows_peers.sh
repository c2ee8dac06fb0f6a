row_peers() { :; }
row_token() { :; }
