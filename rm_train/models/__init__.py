"""The models a run can start from: the tiny judge built here, or any Hugging Face model."""
