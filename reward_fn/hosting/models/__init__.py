"""Models that the cluster itself hosts: servers of LLM judges as actors of Ray's, as many as the judges keep busy."""
